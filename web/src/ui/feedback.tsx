/** What a page says while it waits, when it has nothing, when something went wrong, and when something was done. */
import { CircleAlert, type LucideIcon } from 'lucide-react';
import { lazy, type ReactNode, Suspense, useSyncExternalStore } from 'react';
import { Button } from './button';
import { tell, tellTrouble, told, whenTold } from './tell';

export { tell, tellTrouble };

export function Waiting() {
  return (
    <div className="waiting" role="status">
      <span className="spinner" aria-hidden="true" />
      <span className="hidden-text">Loading</span>
    </div>
  );
}

interface EmptyProps {
  icon: LucideIcon;
  title: string;
  children?: ReactNode;
}

export function Empty({ icon: Icon, title, children }: EmptyProps) {
  return (
    <div className="empty">
      <Icon aria-hidden="true" />
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Trouble({ error, again }: { error: Error; again?: () => void }) {
  return (
    <div className="notice bad" role="alert">
      <CircleAlert aria-hidden="true" />
      <div className="grow">{error.message}</div>
      {again && (
        <Button size="small" onClick={again}>
          Try again
        </Button>
      )}
    </div>
  );
}

const ToastShelf = lazy(() => import('./toasts'));

/** Loaded with the first thing there is to tell. */
export function Toasts() {
  const isNeeded = useSyncExternalStore(whenTold, () => told() > 0);
  return isNeeded ? (
    <Suspense>
      <ToastShelf />
    </Suspense>
  ) : null;
}
