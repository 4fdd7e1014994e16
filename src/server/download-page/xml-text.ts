/** Characters that XML 1.0 cannot have, not even escaped. */
const NOT_IN_XML = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;

export function inXml(text: string): string {
  return text.replace(NOT_IN_XML, '');
}
