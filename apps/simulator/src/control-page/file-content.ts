/** A chosen file as the control API takes media. */
export async function fileContent(
  file: File,
): Promise<{ base64: string; mimeType: string; filename: string }> {
  const url = await new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error ?? new Error('the file could not be read'));
    reader.readAsDataURL(file);
  });
  const base64 = url.slice(url.indexOf(',') + 1);
  return { base64, mimeType: file.type || 'application/octet-stream', filename: file.name };
}

export function messageType(mimeType: string): string {
  const kind = mimeType.split('/')[0] ?? '';
  return ['image', 'video', 'audio'].includes(kind) ? kind : 'document';
}
