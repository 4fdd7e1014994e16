import type { FastifyInstance } from 'fastify';
import { EXTENSIONS, REMOTE_EXTENSIONS } from '../../protocol/extensions.ts';
import { type CapabilitiesResponse, MAX_JSON_BODY_BYTES } from '../../protocol/messages.ts';
import { OPENAPI_PATH, openApiDocument } from '../../protocol/openapi/openapi-document.ts';
import { DISK_MULTIPART_FROM, MAX_SINGLE_PUT, MULTIPART_FROM } from '../../protocol/upload/multipart.ts';
import { isRemote } from '../../storage/remote-storage.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Services } from '../services.ts';

/** `GET /api/sync/ota`: which extensions of the API this server has, and what it accepts; and the OpenAPI document. */
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
      multipart_from: remote ? MULTIPART_FROM : DISK_MULTIPART_FROM,
      ...(remote && { single_put: MAX_SINGLE_PUT }),
    },
  };
  registerRoute(app, 'capabilities', {
    handle: async (): Promise<CapabilitiesResponse> => ({ ...known, public_url: publicUrl() }),
  });

  let document = { publicUrl: '', text: '' }; // the same for all
  app.route({
    method: ['GET', 'HEAD'],
    url: OPENAPI_PATH,
    config: { access: 'public', cors: true },
    handler: async (_request, reply) => {
      const url = publicUrl();
      if (document.publicUrl !== url) {
        document = { publicUrl: url, text: JSON.stringify(openApiDocument({ version, publicUrl: url })) };
      }
      return reply.type('application/json; charset=utf-8').send(document.text);
    },
  });
}
