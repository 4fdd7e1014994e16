const ALPHANUMERIC = /[^\p{Alphabetic}\p{N}]+/u;

/** Whether tauri-bundler gives a package this name for a product. */
export function isPackageOf(packageName: string, productName: string): boolean {
  const forms = [productName, productName.normalize('NFC'), productName.normalize('NFD')];
  return forms.some((form) => kebabCase(form) === packageName || fold(form) === fold(packageName));
}

/** Whether two names can stand for the same product: one is part of the other, apart from spelling. */
export function resembles(a: string, b: string): boolean {
  const [first, second] = [fold(a), fold(b)];
  return first.includes(second) || second.includes(first);
}

/** Names on disk and in configurations can be in different Unicode forms. */
export function isSameName(a: string, b: string): boolean {
  return a.normalize('NFC') === b.normalize('NFC');
}

/**
 * The kebab case of tauri-bundler's names for packages, which is that of the crate heck: words end at what is not a
 * letter or number, and where the case changes. `App™` becomes `app`, `XMLNotes №5` becomes `xml-notes-5`.
 */
export function kebabCase(text: string): string {
  return text
    .split(ALPHANUMERIC)
    .flatMap((run) => splitByCase([...run]))
    .map(lowerCase)
    .join('-');
}

/** Of the last letter of a word that has a case. */
type CaseMode = 'none' | 'lower' | 'upper';

function splitByCase(letters: readonly string[]): string[] {
  const words: string[] = [];
  let start = 0;
  let mode: CaseMode = 'none';
  for (const [i, letter] of letters.entries()) {
    const next = letters[i + 1];
    if (next === undefined) break;
    const nextMode: CaseMode = isLower(letter) ? 'lower' : isUpper(letter) ? 'upper' : mode;
    const endsAfter = nextMode === 'lower' && isUpper(next);
    const endsBefore = mode === 'upper' && isUpper(letter) && isLower(next);
    if (endsAfter || endsBefore) {
      const end = endsAfter ? i + 1 : i;
      words.push(letters.slice(start, end).join(''));
      start = end;
      mode = 'none';
    } else mode = nextMode;
  }
  return letters.length === 0 ? [] : [...words, letters.slice(start).join('')];
}

function isLower(letter: string): boolean {
  return /^\p{Lowercase}$/u.test(letter);
}

function isUpper(letter: string): boolean {
  return /^\p{Uppercase}$/u.test(letter);
}

/** Letter by letter, with the final sigma at the end only, as heck does it. */
function lowerCase(word: string): string {
  const letters = [...word];
  return letters
    .map((letter, i) => (letter === 'Σ' && i === letters.length - 1 ? 'ς' : letter.toLowerCase()))
    .join('');
}

function fold(name: string): string {
  return name.normalize('NFC').split(ALPHANUMERIC).join('').toLowerCase();
}
