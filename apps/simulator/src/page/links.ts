export interface Link {
  href: string;
  url: string;
  index: number;
  suspiciousCharacters: Set<string>;
}

const LINK = /\b(?:https?:\/\/|www\.)[^\s<>"']+/gi;

/** `WALinkify.findLinks` */
export function findLinks(text: unknown): Link[] {
  if (typeof text !== 'string') return [];
  return [...text.matchAll(LINK)].map((match) => {
    const url = match[0].replace(/[.,;:!?)\]]+$/, '');
    const href = url.startsWith('www.') ? `http://${url}` : url;
    return { href, url, index: match.index, suspiciousCharacters: new Set<string>() };
  });
}
