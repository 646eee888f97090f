/** Why a test call does not come about, or does not go on, and what is to be done. */
import { ApiError } from '../api/client';

export interface Trouble {
  what: string;
  mend: string;
}

const UNKNOWN: Trouble = { what: 'The microphone could not be opened.', mend: 'Load the page again, or try another browser.' };

/** By the name of what `getUserMedia` throws. */
const MICROPHONE: Record<string, Trouble> = {
  NotAllowedError: {
    what: 'The browser does not let this page have the microphone.',
    mend: 'Allow it beside the address, and in the system’s settings if it is forbidden there, and call again.',
  },
  NotFoundError: { what: 'There is no microphone.', mend: 'Plug one in, or switch a headset on, and call again.' },
  NotReadableError: { what: 'The microphone is taken.', mend: 'Close the program that uses it, and call again.' },
  OverconstrainedError: { what: 'The microphone that was chosen is not there any more.', mend: 'Choose another one.' },
};

export const INSECURE: Trouble = {
  what: 'The browser gives no microphone to a page that came in the clear.',
  mend: 'Open the console by https, or on the machine that it runs on, at localhost.',
};

export const UNPLUGGED: Trouble = { what: 'The microphone is gone.', mend: 'Choose another one, or plug it in again and call again.' };

export const REFUSED: Trouble = {
  what: 'The stream was refused.',
  mend: 'If ALLOWED_ADDRESSES is set, your own has to be in it; a proxy has to pass WebSockets on with their subprotocols; and the page has to be allowed to open sockets to PUBLIC_WSS_URL.',
};

export const LOST: Trouble = {
  what: 'The connection was lost, and the call could not be taken up again.',
  mend: 'See on the page Setup whether a relay is there, and call again.',
};

export function ofMicrophone(error: unknown): Trouble {
  return (error instanceof DOMException && MICROPHONE[error.name]) || UNKNOWN;
}

const MENDS: Record<number, string> = {
  0: 'See whether the server runs.',
  403: 'Ask an admin for a pass as an operator.',
  422: 'Choose another agent.',
  429: 'Wait a minute, and call again.',
  503: 'See on the page Live who is on the line, and on Setup whether a relay is there; then call again.',
};

export function ofServer(error: unknown): Trouble {
  const status = error instanceof ApiError ? error.status : -1;
  const what = error instanceof Error ? error.message : String(error);
  return { what: what.charAt(0).toUpperCase() + what.slice(1), mend: MENDS[status] ?? 'Call again.' };
}
