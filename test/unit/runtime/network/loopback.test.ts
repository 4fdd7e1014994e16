import { expect, test } from 'vitest';
import { isInternal } from '../../../../src/runtime/network/loopback.ts';

test.each([
  'http://minio:9000',
  'http://localhost:9000',
  'http://127.0.0.1',
  'http://10.1.2.3',
  'http://172.16.0.1',
  'http://192.168.1.5:9000',
  'http://minio.local',
  'http://minio.default.svc',
  'http://s3.svc.cluster.local',
  'http://[::1]:9000',
  'http://[fd00::1]',
])('field 15: %s is internal', (url) => {
  expect(isInternal(new URL(url))).toBe(true);
});

test.each(['https://s3.example.com', 'https://172.32.0.1', 'https://8.8.8.8', 'https://[2001:db8::1]'])(
  '%s is not internal',
  (url) => {
    expect(isInternal(new URL(url))).toBe(false);
  },
);
