import { html } from 'hono/html';
import { formatTimestamp } from '../../protocol/time.ts';
import type { PageContent } from './page-content.ts';
import { inXml } from './xml-text.ts';

/** A feed of the releases (RFC 4287). @param url of the download page */
export async function atomFeed({ appId, name, releases }: PageContent, url: string): Promise<string> {
  const updated = Math.max(0, ...releases.map(({ pubDate }) => pubDate));
  const feed = await html`<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
<id>urn:uuid:${appId}</id>
<title>${inXml(name)} releases</title>
<updated>${formatTimestamp(updated)}</updated>
<author><name>${inXml(name)}</name></author>
<link rel="self" type="application/atom+xml" href="${url}/feed.atom"/>
<link rel="alternate" type="text/html" href="${url}"/>
${releases.map(
  ({ id, version, notesHtml, pubDate }) => html`<entry>
<id>urn:uuid:${id}</id>
<title>${inXml(name)} ${version}</title>
<updated>${formatTimestamp(pubDate)}</updated>
<link rel="alternate" type="text/html" href="${url}"/>
<content type="html">${inXml(notesHtml)}</content>
</entry>
`,
)}</feed>
`;
  return feed.toString();
}
