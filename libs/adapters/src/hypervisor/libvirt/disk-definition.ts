import { XMLParser } from 'fast-xml-parser';

const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '@' });

/**
 * The `<disk>` element of a target, out of a domain's description, with its file changed to `path` and without a
 * backing chain: libvirt then takes the chain from the headers when it starts the domain.
 *
 * Cut out of libvirt's own text instead of written anew, so that what we don't know of stays as it is.
 *
 * @returns `null` when it says so already, or there is no such disk
 */
export function diskElementFor(xml: string, target: string, path: string): string | null {
  for (const [element] of xml.matchAll(/<disk [\s\S]*?<\/disk>/g)) {
    const { disk } = parser.parse(element) as {
      disk: { target?: { '@dev'?: string }; source?: { '@file'?: string }; backingStore?: unknown };
    };
    if (disk.target?.['@dev'] !== target) continue;
    if (disk.source?.['@file'] === path && disk.backingStore === undefined) return null;
    return element
      .replace(/\n?[ \t]*<backingStore\b[^>]*[^/]>[\s\S]*<\/backingStore>/, '')
      .replace(/\n?[ \t]*<backingStore\b[^>]*\/>/, '')
      .replace(/(<source\b[^>]*?\bfile=)'[^']*'/, (_, before: string) => `${before}'${escaped(path)}'`);
  }
  return null;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll("'", '&apos;');
}
