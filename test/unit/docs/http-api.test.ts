import { IsObject, IsUnion } from 'typebox';
import { describe, expect, test } from 'vitest';
import { DEFAULT_MAX_ARTIFACT_BYTES } from '../../../src/cli/defaults.ts';
import { SCOPES } from '../../../src/protocol/access/scope.ts';
import { CHANNEL_PATTERN } from '../../../src/protocol/channel.ts';
import { EXTENSIONS, REMOTE_EXTENSIONS } from '../../../src/protocol/extensions.ts';
import * as messages from '../../../src/protocol/messages.ts';
import { PROBLEM_STATUS } from '../../../src/protocol/problem.ts';
import { type Route, type RouteName, routes } from '../../../src/protocol/routes.ts';
import { RESERVED_SLUGS, SLUG_PATTERN } from '../../../src/protocol/slug.ts';
import { codeSpansIn, sectionsOf, tableRows } from '../../support/docs/markdown.ts';
import { readText } from '../../support/docs/pages.ts';

const PAGE = readText('docs/reference/http-api.md');
const sections = sectionsOf(PAGE);
const all = Object.entries(routes) as [RouteName, Route][];

/** The headings under which the fields of each message stand, beside those of the routes themselves. */
const SECTIONS_OF: Readonly<Record<string, readonly string[]>> = {
  CheckQuery: [headingOf('check')],
  DownloadQuery: [headingOf('download')],
  LatestQuery: [headingOf('latest')],
  AppQuery: [headingOf('getApp')],
  ListReleasesQuery: [headingOf('listReleases')],
  DeleteReleaseQuery: [headingOf('deleteRelease')],
  SetSlugRequest: [headingOf('setSlug')],
  CreateReleaseRequest: [headingOf('createRelease'), 'Rollouts'],
  UpdateReleaseRequest: [headingOf('updateRelease'), 'Rollouts'],
  PublishReleaseQuery: [headingOf('publishRelease')],
  PublishReleaseRequest: [headingOf('publishRelease')],
  PromoteReleaseRequest: [headingOf('promoteRelease'), headingOf('putManifest'), 'Rollouts'],
  CreateArtifactRequest: [headingOf('createArtifact')],
  CompleteUploadRequest: [headingOf('completeUpload')],
  ArtifactResponse: ['Releases'],
  ReleaseResponse: ['Releases', 'Provenance', 'Rollouts'],
  ReleaseListResponse: [headingOf('listReleases'), 'Releases', 'Provenance', 'Rollouts'],
  CreateArtifactResponse: [headingOf('createArtifact'), 'Uploading in parts'],
  StatsQuery: [headingOf('stats')],
  PeriodStats: [headingOf('stats')],
  DayStats: [headingOf('stats')],
  PlatformReach: [headingOf('stats')],
  ReleaseStats: [headingOf('stats'), 'Rollouts'],
  StatsResponse: [headingOf('stats'), 'Rollouts'],
  EventRequest: [headingOf('events')],
  EventQuery: [headingOf('events')],
  PauseReasonResponse: ['Rollouts'],
  ExplainQuery: [headingOf('explain')],
  ExplainedRelease: [headingOf('explain')],
  ExplainResponse: [headingOf('explain')],
  SimulateRequest: [headingOf('simulate')],
  SimulateResponse: [headingOf('simulate')],
  SimulatedCell: [headingOf('simulate')],
  OfferedShare: [headingOf('simulate')],
  ManifestResponse: [headingOf('putManifest')],
  AttestationsResponse: [headingOf('readAttestation')],
  UploadResponse: [headingOf('upload')],
  CompleteUploadResponse: [headingOf('completeUpload')],
  AppResponse: [headingOf('getApp'), 'Releases', 'Provenance', 'Rollouts'],
  DeletedFileResponse: [headingOf('getApp')],
  CapabilitiesResponse: [headingOf('capabilities')],
  ExchangeIdentityRequest: [headingOf('exchangeIdentity')],
  ExchangeIdentityResponse: [headingOf('exchangeIdentity'), 'Provenance'],
  JobIdentity: ['Provenance'],
  ReleaseProvenance: ['Provenance'],
  UpdateResponse: [headingOf('check')],
  LatestJsonQuery: [headingOf('latestJson')],
  LatestJsonResponse: [headingOf('latestJson')],
  ElectronQuery: [headingOf('electronFeed')],
  AppcastQuery: [headingOf('sparkleFeed')],
  VelopackQuery: [headingOf('velopackFeed')],
  RolloutRequest: ['Rollouts'],
  RolloutResponse: ['Rollouts'],
};

const exported: Readonly<Record<string, unknown>> = messages;
const schemas = Object.entries(exported).filter(([, value]) => IsObject(value) || IsUnion(value));

describe('the page of the HTTP API', () => {
  test('has a section for each route, and for no other', () => {
    const headings = sections.map(({ heading }) => heading).filter((heading) => heading.includes('/api/'));
    expect(headings.sort()).toEqual(all.map(([name]) => headingOf(name)).sort());
  });

  test.each(all)('says who may call %s', (name, { access }) => {
    const names = [access].flat().map((scope) => `\`${scope}\``);
    const [last] = names.splice(-1);
    const listed = [names.join(', '), last].filter((part) => part !== '').join(' or ');
    expect(textOf([headingOf(name)])).toContain(`Access: ${listed}`);
  });

  test.each(schemas)('has every field of %s', (name, schema) => {
    const text = textOf(SECTIONS_OF[name] ?? []);
    const fields = [...fieldsOf(schema)];
    expect(fields.length).toBeGreaterThan(0);
    for (const field of fields) expect(codeSpansIn(text)).toContain(field);
  });

  test('has the code and status of every problem', () => {
    const rows = tableRows(textOf(['Errors']));
    const documented = rows.map(([code = '', status]) => [code.replaceAll('`', ''), Number(status)]);
    expect(Object.fromEntries(documented)).toEqual(PROBLEM_STATUS);
  });

  test.each(all)('lists for %s only statuses that their codes have', (name) => {
    const rows = tableRows(textOf([headingOf(name)])).filter(([status = '']) => /^[45]\d\d$/.test(status));
    for (const [status, code = ''] of rows) {
      const known: Readonly<Record<string, number>> = PROBLEM_STATUS;
      expect(known[code.replaceAll('`', '')]).toBe(Number(status));
    }
  });

  test('has every extension, in the order in which the server announces them', () => {
    const rows = tableRows(textOf(['Extensions'])).map(([name = '']) => name.replaceAll('`', ''));
    expect(rows).toEqual([...EXTENSIONS, ...REMOTE_EXTENSIONS]);
  });

  test('has every scope', () => {
    const rows = tableRows(textOf(['Authentication'])).map(([name = '']) => name.replaceAll('`', ''));
    expect(rows).toEqual([...SCOPES]);
  });

  test('has the limits of the server', () => {
    expect(PAGE).toContain(SLUG_PATTERN);
    expect(PAGE).toContain(CHANNEL_PATTERN);
    for (const word of RESERVED_SLUGS) expect(textOf([headingOf('setSlug')])).toContain(`\`${word}\``);
    expect(PAGE).toContain(
      `at most ${messages.MAX_JSON_BODY_BYTES / 1024} KiB (${messages.MAX_PARTS_BODY_BYTES / 1024} KiB`,
    );
    expect(PAGE).toContain(`1 to ${messages.MAX_SIGNATURE_LENGTH} characters`);
    expect(PAGE).toContain(`${DEFAULT_MAX_ARTIFACT_BYTES / 1024 ** 3} GiB unless set`);
  });
});

function headingOf(name: RouteName): string {
  const { method, path } = routes[name];
  return `${method} ${path}`;
}

function textOf(headings: readonly string[]): string {
  return sections
    .filter(({ heading }) => headings.includes(heading))
    .map(({ text }) => text)
    .join('\n');
}

/** The names of all fields in a schema, those of nested objects included. */
function* fieldsOf(schema: unknown): Iterable<string> {
  if (typeof schema !== 'object' || schema === null) return;
  const { properties, items, anyOf } = schema as {
    properties?: Readonly<Record<string, unknown>>;
    items?: unknown;
    anyOf?: readonly unknown[];
  };
  for (const [name, property] of Object.entries(properties ?? {})) {
    yield name;
    yield* fieldsOf(property);
  }
  yield* fieldsOf(items);
  for (const option of anyOf ?? []) yield* fieldsOf(option);
}
