import prettyBytes from 'pretty-bytes';

/** With more of them a number is no longer the one that somebody set. */
const MAX_DECIMALS = 3;

/**
 * A limit as it was probably given: `2 GB`, `1.5 GiB`; in bytes if it is round in neither family of units, and decimal if it
 * is as round in both (256 kB are 250 KiB). For sizes that were measured, not set, there is `formatBytes`.
 */
export function sizeInWords(bytes: number): string {
  const decimal = decimalsOf(bytes, 1000);
  const binary = decimalsOf(bytes, 1024);
  if (Math.min(decimal, binary) > MAX_DECIMALS) return `${bytes.toLocaleString('en')} bytes`;
  return prettyBytes(bytes, { binary: binary < decimal, maximumFractionDigits: MAX_DECIMALS });
}

/** A size that was measured: `23.4 MB`. */
export function formatBytes(bytes: number): string {
  return prettyBytes(bytes, { maximumFractionDigits: 1 });
}

/** How many decimals the number has in the largest unit that fits. */
function decimalsOf(bytes: number, base: number): number {
  let number = bytes;
  while (number >= base) number /= base;
  return String(number).split('.')[1]?.length ?? 0;
}
