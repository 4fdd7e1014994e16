import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { HyperLogLog } from '../../protocol/stats/hyperloglog.ts';

const MAX_BYTES = 64 * 1024;

/** A sketch as a column has it: some 50 bytes to 9 KB. */
export function sketchText(sketch: HyperLogLog): string {
  return deflateRawSync(sketch.toBytes(), { level: 1 }).toString('base64');
}

/** An empty one for what is none. */
export function sketchOf(text: string): HyperLogLog {
  try {
    return HyperLogLog.fromBytes(inflateRawSync(Buffer.from(text, 'base64'), { maxOutputLength: MAX_BYTES }));
  } catch {
    return new HyperLogLog();
  }
}
