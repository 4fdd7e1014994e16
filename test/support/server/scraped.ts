/** A scrape in the text format of Prometheus 0.0.4, as far as this server writes it. */
export interface Scraped {
  /** The type of each metric, by its name. */
  readonly types: ReadonlyMap<string, string>;
  readonly helps: ReadonlyMap<string, string>;
  /** The value of each sample, by its name with its labels. */
  readonly samples: ReadonlyMap<string, number>;
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)((?:\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*\})?) (\S+)$/;

/** @throws Error for a line that the format does not have, or a sample without a type and a help before it */
export function readScrape(text: string): Scraped {
  const [types, helps, samples] = [
    new Map<string, string>(),
    new Map<string, string>(),
    new Map<string, number>(),
  ];
  for (const line of text.split('\n').filter(Boolean)) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (kind !== undefined) {
      const known = kind === 'TYPE' ? types : helps;
      if (known.has(name)) throw new Error(`twice: ${line}`);
      known.set(name, rest);
      continue;
    }
    const [, metric = '', labels = '', value = ''] = SAMPLE.exec(line) ?? [];
    const base = metric.replace(/_(?:bucket|sum|count)$/, '');
    const isKnown = types.has(metric) || ['histogram', 'summary'].includes(types.get(base) ?? '');
    if (metric === '' || !isKnown || Number.isNaN(Number(value))) throw new Error(`not a sample: ${line}`);
    if (samples.has(metric + labels)) throw new Error(`twice: ${line}`);
    samples.set(metric + labels, Number(value));
  }
  return { types, helps, samples };
}

/** The names of metrics in a query. */
export function metricsIn(query: string): string[] {
  return [...query.matchAll(/\b(?:synckit_ota|process|nodejs)_\w+/g)].map(([name]) => name);
}
