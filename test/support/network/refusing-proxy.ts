import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../process/free-ports.ts';
import { isInstalled } from '../process/is-installed.ts';
import { tempFolder } from '../process/temp-folder.ts';
import { caddyIsInstalled, nginxIsInstalled, startNginxWith, startUntilFinished } from './example-proxy.ts';

/** What a proxy does instead of passing a request on. */
export const REFUSALS = [
  'too_large', // to bodies of more than a megabyte
  'login', // without its own user and password
  'forbidden', // to everyone, as a firewall does
  'check_forbidden', // to update checks alone
  'method', // to other methods than GET and POST
  'silent', // with a status that no server means, and no body
  'other_site', // as another site does
  'down', // the server behind it is not there
] as const;
export type Refusal = (typeof REFUSALS)[number];

export interface RefusingProxy {
  /** As the client is to call it. */
  readonly name: string;
  readonly isInstalled: boolean;
  /** Apache's LimitRequestBody leaves what is passed on alone here, and all its refusals are pages; Caddy's 404 has no body, like that of any server. */
  readonly lacks: readonly Refusal[];
  start(refusal: Refusal, serverPort: number): Promise<URL>;
}

const CHECKS = '/api/sync/ota/my-app/linux/';

export const REFUSING_PROXIES: readonly RefusingProxy[] = [
  { name: 'nginx', isInstalled: nginxIsInstalled, lacks: [], start: startNginx },
  { name: 'Apache', isInstalled: isInstalled('apache2'), lacks: ['too_large', 'silent'], start: startApache },
  { name: 'Caddy', isInstalled: caddyIsInstalled, lacks: ['other_site'], start: startCaddy },
  // HAProxy closes the connection while the body is being sent. Node then drops its 413 unread: the next write fails.
  { name: 'HAProxy', isInstalled: isInstalled('haproxy'), lacks: ['too_large'], start: startHaproxy },
];

async function startNginx(refusal: Refusal, serverPort: number): Promise<URL> {
  const folder = await tempFolder();
  await writeFile(join(folder, 'users'), '');
  const upstream = refusal === 'down' ? (await freePorts(1))[0] : serverPort;
  const pass = `proxy_pass http://127.0.0.1:${upstream}; proxy_http_version 1.1;`;
  const unlimited = 'client_max_body_size 0;';
  const locations: Readonly<Record<Refusal, string>> = {
    too_large: `location / { ${pass} }`,
    login: `location / { auth_basic "intranet"; auth_basic_user_file ${folder}/users; ${pass} }`,
    forbidden: `location / { deny all; ${pass} }`,
    check_forbidden: `${unlimited} location / { ${pass} } location ${CHECKS} { return 403; }`,
    method: `${unlimited} location / { if ($request_method = PUT) { return 405; } ${pass} }`,
    silent: 'location / { return 418; }',
    other_site: `location / { root ${folder}; }`,
    down: `location / { ${pass} }`,
  };
  const { url } = await startNginxWith(
    (port) => `server { listen 127.0.0.1:${port}; ${locations[refusal]} }`,
  );
  return url;
}

async function startApache(refusal: Refusal, serverPort: number): Promise<URL> {
  const folder = await mkdtemp(join(tmpdir(), 'synckit-ota-apache-'));
  const [port = 0, unused = 0] = await freePorts(2);
  await writeFile(join(folder, 'users'), '');
  await mkdir(join(folder, 'site'));
  await chmod(folder, 0o755);
  const upstream = refusal === 'down' ? unused : serverPort;
  const rules: Readonly<Record<Refusal, string>> = {
    too_large: '',
    login: `<Location />\nAuthType Basic\nAuthName intranet\nAuthUserFile ${folder}/users\nRequire valid-user\n</Location>`,
    forbidden: '<Location />\nRequire all denied\n</Location>',
    check_forbidden: `<Location ${CHECKS}>\nRequire all denied\n</Location>`,
    method: '<Location />\nAllowMethods GET POST\n</Location>',
    silent: '',
    other_site: '',
    down: '',
  };
  const modules = ['mpm_event', 'authz_core', 'authz_user', 'authn_core', 'authn_file', 'auth_basic'];
  const all = [...modules, 'proxy', 'proxy_http', 'allowmethods', 'dir'];
  const config = `
    ${all.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
    ServerRoot ${folder}
    ServerName localhost
    PidFile ${folder}/pid
    ErrorLog ${folder}/error.log
    Listen 127.0.0.1:${port}
    ${process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : ''}
    DocumentRoot ${folder}/site
    LimitRequestBody 0
    ${rules[refusal]}
    ${refusal === 'other_site' ? '' : `ProxyPass / http://127.0.0.1:${upstream}/`}
  `;
  const file = join(folder, 'apache.conf');
  await writeFile(file, config);
  const command = ['apache2', '-D', 'FOREGROUND', '-f', file];
  return (await startUntilFinished({ folder, port, command })).url;
}

async function startCaddy(refusal: Refusal, serverPort: number): Promise<URL> {
  const folder = await mkdtemp(join(tmpdir(), 'synckit-ota-caddy-'));
  const [port = 0, unused = 0] = await freePorts(2);
  const pass = `reverse_proxy 127.0.0.1:${refusal === 'down' ? unused : serverPort}`;
  // The hash of a password that nothing uses.
  const hash = '$2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG';
  const routes: Readonly<Record<Refusal, string>> = {
    too_large: `request_body {\nmax_size 1MB\n}\n${pass}`,
    login: `basicauth {\nci ${hash}\n}\n${pass}`,
    forbidden: 'respond 403',
    check_forbidden: `handle ${CHECKS}* {\nrespond 403\n}\nhandle {\n${pass}\n}`,
    method: `@put method PUT\nhandle @put {\nrespond 405\n}\nhandle {\n${pass}\n}`,
    silent: 'respond 421',
    other_site: `root * ${folder}\nfile_server`,
    down: pass,
  };
  const config = join(folder, 'Caddyfile');
  await writeFile(config, `{\nadmin off\n}\nhttp://127.0.0.1:${port} {\n${routes[refusal]}\n}\n`);
  const env = { XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
  return (await startUntilFinished({ folder, port, command: ['caddy', 'run', '--config', config], env })).url;
}

async function startHaproxy(refusal: Refusal, serverPort: number): Promise<URL> {
  const folder = await mkdtemp(join(tmpdir(), 'synckit-ota-haproxy-'));
  const [port = 0, unused = 0] = await freePorts(2);
  const rules: Readonly<Record<Refusal, string>> = {
    too_large: 'http-request deny deny_status 413 if { req.hdr_val(content-length) gt 1048576 }',
    login: 'http-request auth realm intranet unless { http_auth(users) }',
    forbidden: 'http-request deny',
    check_forbidden: `http-request deny if { path_beg ${CHECKS} }`,
    method: 'http-request deny deny_status 405 unless { method GET POST }',
    silent: 'http-request return status 431',
    other_site: 'http-request deny deny_status 404',
    down: '',
  };
  const config = `
userlist users
  user ci insecure-password unused
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  retries 0
frontend front
  bind 127.0.0.1:${port}
  ${rules[refusal]}
  default_backend back
backend back
  server one 127.0.0.1:${refusal === 'down' ? unused : serverPort}
`;
  const file = join(folder, 'haproxy.cfg');
  await writeFile(file, config);
  return (await startUntilFinished({ folder, port, command: ['haproxy', '-db', '-f', file], endsBy: 'TERM' }))
    .url;
}
