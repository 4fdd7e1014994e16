import type { TransportRequest } from '../../../src/client/transport/transport.ts';

/** A request of a publish to our server, by what it is for. */
export type Point = (request: TransportRequest) => boolean;

export const atSlug: Point = ({ url }) => url.pathname.endsWith('/slug');
export const atCreation: Point = ({ method, url }) => method === 'POST' && url.pathname.endsWith('/releases');
export const atUploadUrl: Point = ({ url }) => url.pathname.endsWith('/artifacts');
/** The only other PUT, wherever it leads. */
export const atUpload: Point = (request) => request.method === 'PUT' && !atSlug(request);
export const atGoingLive: Point = ({ url }) => url.pathname.endsWith('/publish');
export const atCheck: Point = ({ url }) => /\/my-app\/(linux|darwin|windows)\//.test(url.pathname);
export const atRedirect: Point = ({ url }) => url.pathname.includes('/my-app/download/');
export const atDownload: Point = ({ url }) => url.pathname.includes('/downloads/');
