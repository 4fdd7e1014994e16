import type { FastifyInstance } from 'fastify';
import { EXTENSIONS, REMOTE_EXTENSIONS } from '../../protocol/extensions.ts';
import { type CapabilitiesResponse, MAX_JSON_BODY_BYTES } from '../../protocol/messages.ts';
import { MAX_SINGLE_PUT } from '../../protocol/upload/multipart.ts';
import { isRemote } from '../../storage/remote-storage.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Services } from '../services.ts';

/** `GET /api/sync/ota`: which extensions of the API this server has, and what it accepts. */
export function registerCapabilities(
  app: FastifyInstance,
  { version, storage, publicUrl, maxArtifactSize }: Services,
): void {
  const remote = isRemote(storage);
  const known = {
    name: 'synckit-ota',
    version,
    extensions: [...EXTENSIONS, ...(remote ? REMOTE_EXTENSIONS : [])],
    limits: {
      artifact_size: maxArtifactSize,
      json_body: MAX_JSON_BODY_BYTES,
      ...(remote && { single_put: MAX_SINGLE_PUT }),
    },
  };
  registerRoute(app, 'capabilities', {
    handle: async (): Promise<CapabilitiesResponse> => ({ ...known, public_url: publicUrl() }),
  });
}
