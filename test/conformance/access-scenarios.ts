import { type Expectation, type Scenario, scenario, step } from './scenario.ts';
import { LINUX, type World } from './world.ts';

const unauthorized: Expectation = {
  status: 401,
  headers: { 'www-authenticate': 'Bearer' },
  problem: { code: 'unauthorized' },
};

/** Each is sent once: ten bad tokens a minute are too many for one address. */
const badTokens: readonly (readonly [string, (w: World) => Record<string, string>])[] = [
  ['no token', () => ({})],
  ['a malformed token', () => ({ authorization: 'Bearer nonsense' })],
  ['its token with another scheme', (w) => ({ authorization: `Basic ${w.target.app.token}` })],
  [
    'its token with one character changed',
    (w) => ({ authorization: `Bearer ${withLastCharacterChanged(w)}` }),
  ],
];

const uselessTokens = ['expired', 'revoked'] as const;

/** Who may do what: api.md, `Authorization: Bearer`. */
export const accessScenarios: readonly Scenario[] = [
  ...badTokens.map(([what, headers]) =>
    scenario(`with ${what}, nothing is created`, [
      step(
        (w) =>
          w.appCall('POST', '/releases', {
            token: null,
            headers: headers(w),
            json: { version: w.v(1), signature: 's' },
          }),
        unauthorized,
      ),
      step(
        (w) => w.appCall('GET', '/releases'),
        (w) => ({ status: 200, hasNot: [w.v(1)] }),
      ),
    ]),
  ),
  ...uselessTokens.map((which) =>
    scenario(
      `with an ${which} token nothing is created`.replace('an r', 'a r'),
      [
        step((w) => w.createReleaseWith(w.credentials[which]), unauthorized),
        step(
          (w) => w.appCall('GET', '/releases'),
          (w) => ({ status: 200, hasNot: [w.v(1)] }),
        ),
      ],
      'credentials',
    ),
  ),
  scenario(
    'the scheme of a token is case-insensitive',
    [
      step(
        (w) =>
          w.appCall('GET', '/releases', {
            token: null,
            headers: { authorization: `bearer ${w.target.app.token}` },
          }),
        { status: 200 },
      ),
    ],
    'ours',
  ),
  scenario(
    'with another app’s token, this app is not found',
    [
      step((w) => w.publish(1), { status: 200 }),
      step((w) => w.createReleaseWith(w.credentials.otherApp.token), {
        status: 404,
        problem: { code: 'not_found' },
      }),
      step(
        (w) => w.appCall('GET', '/releases', { token: w.credentials.otherApp.token }),
        (w) => ({
          status: 404,
          problem: { code: 'not_found' },
          hasNot: [w.v(1), w.slug],
        }),
      ),
      step(
        (w) => w.appCall('DELETE', `/releases/${w.releaseId(1)}`, { token: w.credentials.otherApp.token }),
        { status: 404, problem: { code: 'not_found' } },
      ),
      step(
        (w) => {
          const { id, token } = w.credentials.otherApp;
          return w.call('DELETE', `/apps/${id}/releases/${w.releaseId(1)}`, { token });
        },
        { status: 404, problem: { code: 'not_found' } },
      ),
      step(
        (w) => w.fetchOffer(),
        (w) => ({ status: 200, bytes: w.bytes(1) }),
      ),
    ],
    'credentials',
  ),
  scenario(
    'a token allows only what its scopes say',
    [
      step((w) => w.publish(1), { status: 200 }),
      step((w) => w.appCall('GET', '/releases', { token: w.credentials.readOnly }), { status: 200 }),
      step((w) => w.createReleaseWith(w.credentials.readOnly), {
        status: 403,
        problem: { code: 'forbidden' },
      }),
      step((w) => w.appCall('DELETE', `/releases/${w.releaseId(1)}`, { token: w.credentials.readOnly }), {
        status: 403,
        problem: { code: 'forbidden' },
      }),
      step((w) => w.check(LINUX, w.v(0)), { status: 200 }),
    ],
    'credentials',
  ),
];

function withLastCharacterChanged({ target }: World): string {
  const { token } = target.app;
  return token.slice(0, -1) + (token.endsWith('a') ? 'b' : 'a');
}
