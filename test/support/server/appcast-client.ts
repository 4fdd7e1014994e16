import { XMLParser, XMLValidator } from 'fast-xml-parser';

export interface ReadItem {
  readonly version: string | undefined;
  readonly shortVersionString: string | undefined;
  readonly channel: string | undefined;
  readonly minimumSystemVersion: string | undefined;
  readonly pubDate: string | undefined;
  readonly description: string | undefined;
  readonly isCritical: boolean;
  readonly enclosures: readonly ReadEnclosure[];
}

export interface ReadEnclosure {
  readonly url: string;
  readonly length: string | undefined;
  readonly edSignature: string | undefined;
  readonly os: string | undefined;
}

/** What an element has: texts, elements and, with `@` before their names, attributes. */
type Element = Readonly<Record<string, unknown>>;

const NAMESPACE = 'http://www.andymatuschak.org/xml-namespaces/sparkle';

/**
 * Reads an appcast by the rules of Sparkle (`SUAppcast`, `SUAppcastItem`) and WinSparkle (`appcast.cpp`): well-formed, no
 * entry without a version, a URL of http or https, a channel of few characters.
 */
export function readAppcast(xml: string): ReadItem[] {
  const validity = XMLValidator.validate(xml);
  if (validity !== true) throw new Error(JSON.stringify(validity));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: XML has none of them
  if (/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(xml))
    throw new Error('a character that XML cannot have');
  const parser = new XMLParser({
    ...{
      ignoreAttributes: false,
      attributeNamePrefix: '@',
      parseTagValue: false,
      parseAttributeValue: false,
    },
    isArray: (name) => name === 'item' || name === 'enclosure',
  });
  const { rss } = parser.parse(xml) as { rss: Element & { channel: Element & { item?: Element[] } } };
  if (rss['@xmlns:sparkle'] !== NAMESPACE) throw new Error('the namespace is not that of Sparkle');
  return (rss.channel.item ?? []).map(readItem);
}

function readItem(item: Element): ReadItem {
  const version = textOf(item['sparkle:version']);
  if (!version) throw new Error('an entry has no version');
  const channel = textOf(item['sparkle:channel']);
  if (channel !== undefined && !/^[a-zA-Z0-9._-]+$/.test(channel))
    throw new Error('Sparkle ignores the channel');
  const enclosures = ((item.enclosure ?? []) as Element[]).map((enclosure) => ({
    url: String(enclosure['@url']),
    length: textOf(enclosure['@length']),
    edSignature: textOf(enclosure['@sparkle:edSignature']),
    os: textOf(enclosure['@sparkle:os']),
  }));
  if (enclosures.some(({ url }) => !/^https?:/.test(url))) throw new Error('a URL is none of http or https');
  return {
    ...{ version, channel, enclosures },
    shortVersionString: textOf(item['sparkle:shortVersionString']),
    minimumSystemVersion: textOf(item['sparkle:minimumSystemVersion']),
    pubDate: textOf(item.pubDate),
    description: textOf(item.description),
    isCritical: 'sparkle:criticalUpdate' in item,
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
