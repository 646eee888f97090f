/** What has no room in a phone's navigation. */
import { Menu } from '@base-ui/react/menu';
import { Ellipsis, LogOut } from 'lucide-react';
import { leave } from '../lib/provider';
import { go } from '../lib/router';
import { useSession } from '../lib/session';
import { setTheme, type Theme, useTheme } from '../lib/theme';
import type { Place, ThemeOption } from '../shell';

interface MoreProps {
  places: Place[];
  themes: ThemeOption[];
  isHere: boolean;
}

export default function More({ places, themes, isHere }: MoreProps) {
  const theme = useTheme();
  const { open } = useSession();
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger className="more" aria-current={isHere ? 'page' : undefined}>
        <Ellipsis aria-hidden="true" /> More
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner className="positioner" sideOffset={8} align="end">
          <Menu.Popup className="popup">
            {places.map(({ to, name, icon: Icon }) => (
              <Menu.Item key={to} className="option" onClick={() => go(to)}>
                <Icon aria-hidden="true" /> {name}
              </Menu.Item>
            ))}
            <Menu.RadioGroup value={theme} onValueChange={(value) => setTheme(value as Theme)}>
              {themes.map(({ value, name, icon: Icon }) => (
                <Menu.RadioItem key={value} value={value} className="option">
                  <Icon aria-hidden="true" /> {name}
                  <Menu.RadioItemIndicator className="tick">●</Menu.RadioItemIndicator>
                </Menu.RadioItem>
              ))}
            </Menu.RadioGroup>
            {!open && (
              <Menu.Item className="option" onClick={leave}>
                <LogOut aria-hidden="true" /> Sign out
              </Menu.Item>
            )}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
