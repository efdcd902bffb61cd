import QRCode from 'qrcode';

/** The QR as an SVG document: dark modules on white, with the quiet zone scanners need. */
export function qrSvg(text: string): string {
  const { modules } = QRCode.create(text, { errorCorrectionLevel: 'L' });
  const { size } = modules;
  const cells: string[] = [];
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) if (modules.get(y, x)) cells.push(`M${x} ${y}h1v1h-1z`);
  }
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-4 -4 ${size + 8} ${size + 8}" shape-rendering="crispEdges">` +
    `<path d="${cells.join('')}" fill="#000"/></svg>`
  );
}
