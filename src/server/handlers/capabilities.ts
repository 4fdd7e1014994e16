import type { FastifyInstance } from 'fastify';
import { EXTENSIONS } from '../../protocol/extensions.ts';
import type { CapabilitiesAnswer } from '../../protocol/messages.ts';
import { registerRoute } from '../register-route.ts';
import type { Services } from '../services.ts';

/** `GET /api/sync/ota` (design 4): tells our client which extensions it may use. */
export function registerCapabilities(app: FastifyInstance, { version }: Services): void {
  const answer: CapabilitiesAnswer = { name: 'synckit-ota', version, extensions: [...EXTENSIONS] };
  registerRoute(app, 'capabilities', { handle: async () => answer });
}
