/** An element's content: text, or elements by name, several of one name as a list. */
export type XmlContent = string | number | boolean | { [name: string]: XmlContent | XmlContent[] };

function escapeText(text: string): string {
  // XML 1.0 cannot hold most control characters, not even as references; S3 clients ask for url-encoded keys.
  return text.replace(/[<>&'"\r\n\t]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function writeElement(name: string, content: XmlContent): string {
  if (typeof content !== 'object') return `<${name}>${escapeText(String(content))}</${name}>`;
  const children = Object.entries(content).flatMap(([child, value]) =>
    Array.isArray(value) ? value.map((one) => writeElement(child, one)) : [writeElement(child, value)],
  );
  return `<${name}>${children.join('')}</${name}>`;
}

export function writeXml(root: string, content: XmlContent): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${writeElement(root, content)}`;
}

const NAMED: Record<string, string> = { lt: '<', gt: '>', amp: '&', apos: "'", quot: '"' };

function decodeText(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(lt|gt|amp|apos|quot));/gi, (whole, hex, decimal, name) => {
    if (hex) return String.fromCodePoint(parseInt(String(hex), 16));
    if (decimal) return String.fromCodePoint(Number(decimal));
    return NAMED[String(name)] ?? whole;
  });
}

/** The texts of all elements of one name, in order. Enough for the two flat documents that S3 clients send. */
export function readElements(xml: string, name: string): string[] {
  const pattern = new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]*?)</${name}>`, 'g');
  return [...xml.matchAll(pattern)].map(([, text = '']) => decodeText(text));
}
