/** A word or phrase that this repository no longer uses. */
export interface RetiredWord {
  /** For people. */
  readonly word: string;
  readonly pattern: RegExp;
  /** What to write instead. */
  readonly use: string;
  /** Only in files whose path matches; everywhere when left out. */
  readonly within?: RegExp;
}

/**
 * Identifiers are matched as they are written; words and phrases regardless of case, as whole words, so that `claim` is
 * not found in `reclaim`. Where a word is also ordinary English, only its retired meaning is matched.
 */
export const RETIRED_WORDS: readonly RetiredWord[] = [
  // Uploads
  {
    word: 'look (for an upload)',
    pattern:
      /\b(?:LookedFor|takeDueLooks|look_at|lookAt|firstLook|nextLook|look(?:For|Again|Wait|Log)\w*|Look(?:Log|Waits?)\w*|LOOKS?_\w+)\b/,
    use: 'poll',
  },
  {
    word: 'claim (on an upload)',
    pattern:
      /\b(?:[cC]laimed?(?:Upload|Until|Disk)|claimed_until|(?:keep|extend|end)Claim|isClaimed|CLAIM_MS)\b/,
    use: 'lease: acquire, renew, release',
  },
  { word: 'claim', pattern: /\bclaim(?:s|ed|ing)?\b/i, use: 'lease', within: /^src\/(?:server|database)\// },
  { word: 'Slots', pattern: /\b(?:Slots|slots)\b/, use: 'Semaphore', within: /^src\// },
  {
    word: 'promised upload',
    pattern: /\bpromised? (?:an? )?(?:uploads?|parts)\b|\bpromised?_?(?:Parts|Uploads?)\b/i,
    use: 'upload grant, multipart grant, pending upload',
  },
  {
    word: 'join of parts',
    pattern: /\bPartJoins\b|\bjoin(?:s|ing)? (?:the |of )?parts\b/i,
    use: 'part assembly',
  },
  // Names of code
  { word: 'answered(…)', pattern: /\banswered\(/, use: 'withTimeout', within: /^src\// },
  { word: 'Era', pattern: /\bEra\b|#seeEra\b|#era\b/, use: 'CacheEpoch' },
  { word: 'isAway', pattern: /\bisAway\b/, use: 'isUnavailable' },
  { word: 'mayStandIn', pattern: /\bmayStandIn\b/, use: 'isWithinStaleWindow' },
  { word: '…Answer', pattern: /\b[A-Z]\w*Answer\b/, use: '…Response' },
  { word: 'Fault', pattern: /\bFault\b|\b[a-z]\w*Faults\b/, use: 'Issue', within: /^src\// },
  { word: 'Problems', pattern: /\bnew Problems\b|: Problems\b/, use: 'OptionErrors', within: /^src\// },
  { word: 'Failure', pattern: /\b(?:interface|type|: )\s*Failure\b/, use: 'ErrorDocument', within: /^src\// },
  { word: 'servable', pattern: /\bservable\b/i, use: 'published file' },
  { word: 'succession', pattern: /\bsuccession\b/i, use: 'previous release' },
  { word: 'Withdrawn', pattern: /\bWithdrawn\b|withdrawn\.ts/, use: 'withdrawal' },
  { word: 'settle conflict', pattern: /\bsettle-?conflict\b/i, use: 'resolve conflict' },
  { word: 'fit to server', pattern: /\bfit-?to-?server\b/i, use: 'server compatibility' },
  { word: 'take live', pattern: /\b(?:takeLive|take-live)\b/, use: 'go live' },
  {
    word: 'take back',
    pattern: /\b(?:takeBack|take-back|taken_back)\b|\b(?:takes?|taken|took|taking) back\b/i,
    use: 'roll back',
  },
  { word: 'carried rows', pattern: /\bcarried[- ]?rows\b/i, use: 'snapshot' },
  {
    word: 'bring',
    pattern: /\bbrought\b|\b[bB]ring(?:File|Options|Outcome)\b|s3-bring/,
    use: 'import, upload, add',
  },
  { word: 'judge', pattern: /\bjudge(?:s|d|[A-Z]\w*|-\w+)?\b/, use: 'check, classify' },
  { word: 'left-overs', pattern: /\bleft-?overs?\b/i, use: 'orphans' },
  { word: 'rehearsal', pattern: /\brehears(?:als?|ed)\w*/i, use: 'dev, try out' },
  { word: 'throwaway', pattern: /\bthrow-?away\b/i, use: 'temporary' },
  { word: 'upkeep', pattern: /\bupkeep\b/i, use: 'maintenance' },
  // Phrases
  { word: 'come to an end', pattern: /\bcomes? to an end\b/i, use: 'end, finish, time out' },
  { word: 'trickle', pattern: /\btrickl\w+/i, use: 'is too slow' },
  { word: 'stand still', pattern: /\b(?:stands?|stood|standing) still\b/i, use: 'stalled, paused' },
  { word: 'is not as it should be', pattern: /\bas it should be\b/i, use: 'is invalid' },
  { word: 'it has no setting', pattern: /\bit has no setting\b/i, use: 'unknown setting' },
  { word: 'is of …', pattern: /\b(?:is|are|was) of (?:other|another|an?|the|it)\b/i, use: 'belongs to' },
  { word: 'what was last known', pattern: /\bwhat was last known\b/i, use: 'stale' },
  {
    word: 'offered, downloaded, and the same',
    pattern: /\band the same$|\band the same['"`]/im,
    use: 'verified',
  },
  { word: 'once more ends it', pattern: /\bonce more ends\b/i, use: 'press Ctrl-C again to force quit' },
  // Words
  { word: 'nobody', pattern: /\bnobody\b/i, use: 'no one, or say who does what' },
  { word: 'whose', pattern: /\bwhose\b/i, use: 'with a …, of which' },
  { word: 'whom', pattern: /\bwhom\b/i, use: 'who' },
  { word: 'meanwhile', pattern: /\bmeanwhile\b/i, use: 'during …, since then' },
  { word: 'so many', pattern: /\bso many\b/i, use: 'the number' },
  { word: 'begun', pattern: /\bbegun\b/i, use: 'started' },
  { word: 'looked for', pattern: /\blooked for\b/i, use: 'searched, polled' },
  {
    word: 'tell',
    // To tell two things apart is ordinary English.
    pattern: /\b(?:tells?|told|telling)\b(?![^.\n]{0,40}\bapart\b)/i,
    use: 'say, report, know, show',
  },
  // Documents that are not in this repository
  { word: 'design N', pattern: /\bdesign [1-9]\b/i, use: 'a link into docs/contributing' },
];

/** Names that outside programs rely on, in which a retired word stays. */
export const STABLE_NAMES = /'rehearsal'/g;
