import { APP_TAG_HEADER } from '../../protocol/app-tag.ts';
import { CHANNEL_HEADER } from '../../protocol/channel.ts';

/** What a script on any website may read of a response: whatever anyone may get without a token. */
export const CORS_HEADERS = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': [
    'Accept-Ranges',
    'Content-Disposition',
    'Content-Length',
    'Content-Range',
    'ETag',
    'Last-Modified',
    'Repr-Digest',
    'Retry-After',
    APP_TAG_HEADER,
  ].join(', '),
} as const;

/** An app sends headers of its own, so any is let through; the wildcard does not cover `Authorization`. */
export const PREFLIGHT_HEADERS = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': `*, Authorization, If-None-Match, Range, ${CHANNEL_HEADER}`,
  'access-control-max-age': '86400',
} as const;
