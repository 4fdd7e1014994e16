/** Whether a ref, like `refs/tags/v1.0.0`, matches a pattern: `*` stands for anything but a slash, `**` for anything. */
export function matchesRef(ref: string, pattern: string): boolean {
  /** The lengths of what the tokens so far can have matched: no backtracking, however many stars there are. */
  let ends = new Set([0]);
  for (const token of pattern.split(/(\*\*?)/)) {
    ends = token.startsWith('*') ? afterStar(token, ref, ends) : afterText(token, ref, ends);
  }
  return ends.has(ref.length);
}

function afterText(text: string, ref: string, ends: ReadonlySet<number>): Set<number> {
  return new Set([...ends].filter((end) => ref.startsWith(text, end)).map((end) => end + text.length));
}

function afterStar(star: string, ref: string, ends: ReadonlySet<number>): Set<number> {
  const after = new Set<number>();
  for (let end = 0; end <= ref.length; end++) {
    const isLonger = after.has(end - 1) && (star === '**' || ref[end - 1] !== '/');
    if (isLonger || ends.has(end)) after.add(end);
  }
  return after;
}
