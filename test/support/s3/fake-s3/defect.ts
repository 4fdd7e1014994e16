/**
 * Defects that S3 stores have (SeaweedFS, RustFS, versitygw, MinIO, Ceph) or could have: each is off unless a test
 * switches it on.
 */
export const DEFECTS = {
  chunked_accepted: 'takes a PUT that does not say how long it is',
  length_not_enforced: 'takes a PUT of another length than was signed',
  checksum_not_enforced: 'accepts a PUT with a body that does not match its checksum',
  conditions_ignored: 'takes every condition for met',
  conditions_unknown: 'refuses copies with a condition as something that it does not know',
  puts_with_conditions_unknown: 'refuses uploads with a condition as something that it does not know',
  wrong_etag: 'reports an ETag that meets no condition',
  etag_changes: 'reports another ETag each time',
  two_auth_accepted: 'takes a presigned request that has an Authorization as well',
  stale_read: 'answers with what was there before, for a while',
  not_yet_there: 'does not find an object the first time it is asked for',
  stale_list: 'lists what was there before, for a while',
  put_flips_a_bit: 'stores other bytes than were sent',
  put_truncated: 'stores fewer bytes than were sent',
  head_tells_other_size: 'reports another size than the object has',
  copy_of_other_bytes: 'copies as many bytes, but others',
  copy_truncated: 'copies fewer bytes',
  copy_not_made: 'acknowledges a copy that it does not make',
  copy_fails_in_200: 'answers a copy that failed with 200, and the error in the body',
  read_flips_a_bit: 'reads other bytes than are stored',
  read_cut_off: 'breaks off in the middle of an answer',
  read_too_short: 'answers with fewer bytes, and says so',
  parts_mixed_up: 'puts parts together in another order',
  completion_fails_in_200: 'answers with 200 that parts could not be put together, and the error in the body',
  unknown_upload_fails: 'fails when it is to put together an upload that it does not know',
  delete_ignored: 'acknowledges a deletion that it does not make',
} as const;

export type Defect = keyof typeof DEFECTS;
