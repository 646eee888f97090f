/** A call as a file: made here, out of what the page has. */
import { Menu } from '@base-ui/react/menu';
import { Captions, Download, FileAudio, FileJson, FileText } from 'lucide-react';
import { get } from '../api/client';
import type { RecordingLink } from '../api/types';
import { save } from '../lib/download';
import { plainText, webVtt } from '../lib/vtt';
import type { Detail } from '../live/entries';
import { buttonClass } from '../ui/controls';
import { tellTrouble } from '../ui/feedback';
import type { Sound } from './player';

/** The browser follows the link and stores the file under the name that comes with it. */
async function follow(sid: string): Promise<void> {
  try {
    const { url } = await get<RecordingLink>(`/api/calls/${sid}/recording/url`);
    window.location.assign(url);
  } catch (error) {
    tellTrouble('The recording cannot be had', error);
  }
}

export function Exports({ detail, sound }: { detail: Detail; sound: Sound | null }) {
  const { call, transcript, events } = detail;
  const name = `call-${new Date(call.began_at_ms).toISOString().slice(0, 19).replaceAll(':', '')}Z-${call.sid}`;
  const json = () => save(`${name}.json`, JSON.stringify({ call, transcript, events }, null, 2), 'application/json');
  const wav = () => (sound?.blob ? save(`${name}.wav`, sound.blob) : void follow(call.sid));
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger className={buttonClass()}>
        <Download aria-hidden="true" /> Export
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner className="positioner" sideOffset={4} align="end">
          <Menu.Popup className="popup">
            <Menu.Item className="option" onClick={() => save(`${name}.txt`, plainText(detail))}>
              <FileText aria-hidden="true" /> Text
            </Menu.Item>
            <Menu.Item className="option" onClick={() => save(`${name}.vtt`, webVtt(transcript), 'text/vtt')}>
              <Captions aria-hidden="true" /> WebVTT captions
            </Menu.Item>
            <Menu.Item className="option" onClick={json}>
              <FileJson aria-hidden="true" /> JSON
            </Menu.Item>
            {sound && (
              <Menu.Item className="option" onClick={wav}>
                <FileAudio aria-hidden="true" /> WAV
              </Menu.Item>
            )}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
