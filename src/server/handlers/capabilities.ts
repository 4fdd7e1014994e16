import type { FastifyInstance } from 'fastify';
import { EXTENSIONS, REMOTE_EXTENSIONS } from '../../protocol/extensions.ts';
import type { CapabilitiesResponse } from '../../protocol/messages.ts';
import { isRemote } from '../../storage/remote-storage.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Services } from '../services.ts';

/** `GET /api/sync/ota`: which extensions of the API this server has. */
export function registerCapabilities(app: FastifyInstance, { version, storage, publicUrl }: Services): void {
  const extensions = [...EXTENSIONS, ...(isRemote(storage) ? REMOTE_EXTENSIONS : [])];
  registerRoute(app, 'capabilities', {
    handle: async (): Promise<CapabilitiesResponse> => {
      return { name: 'synckit-ota', version, extensions, public_url: publicUrl() };
    },
  });
}
