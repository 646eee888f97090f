/** A file on its way to the server, and how far it has come: `fetch` does not tell, `XMLHttpRequest` does. */
import { ApiError, send, token } from '../api/client';
import type { MusicFile, Problem } from '../api/types';

interface Put {
  method: 'POST' | 'PUT';
  url: string;
  file: Blob;
  /** S3's links carry their own right. */
  isOurs: boolean;
}

function transfer({ method, url, file, isOurs }: Put, progress: (share: number) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    const held = token();
    if (isOurs && held) request.setRequestHeader('authorization', `Bearer ${held}`);
    if (isOurs) request.setRequestHeader('content-type', 'application/octet-stream');
    request.upload.addEventListener('progress', ({ loaded, total }) => progress(total > 0 ? loaded / total : 0));
    request.addEventListener('error', () => reject(new ApiError(0, 'The upload was interrupted.')));
    request.addEventListener('load', () => {
      if (request.status < 300) resolve(request.responseText);
      else reject(new ApiError(request.status, detailOf(request)));
    });
    request.send(file);
  });
}

function detailOf({ status, responseText }: XMLHttpRequest): string {
  try {
    return (JSON.parse(responseText) as Problem).detail ?? `The server says ${status}.`;
  } catch {
    return `The server says ${status}.`;
  }
}

/** Small files go with the request, larger ones by way of S3. */
export async function uploadMusic(file: File, title: string, most: number, progress: (share: number) => void): Promise<MusicFile> {
  if (file.size <= most) {
    const url = `/hold-music/files?title=${encodeURIComponent(title)}`;
    return JSON.parse(await transfer({ method: 'POST', url, file, isOurs: true }, progress)) as MusicFile;
  }
  const place = await send<{ upload: string; put: string }>('POST', '/hold-music/uploads', { bytes: file.size });
  // Without a type: the link was signed for none.
  await transfer({ method: 'PUT', url: place.put, file: new Blob([file]), isOurs: false }, progress);
  return send<MusicFile>('POST', '/hold-music/files', { upload: place.upload, title });
}
