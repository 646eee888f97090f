/** What a page says while it waits, when it has nothing, when something went wrong, and when something was done. */
import { Toast } from '@base-ui/react/toast';
import { CircleAlert, type LucideIcon, X } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button, IconButton } from './controls';

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

const toasts = Toast.createToastManager();

export function tell(title: string, description?: string): void {
  toasts.add({ title, type: 'success', ...(description ? { description } : {}) });
}

export function tellTrouble(title: string, error: unknown): void {
  const description = error instanceof Error ? error.message : String(error);
  toasts.add({ title, description, type: 'error', timeout: 10_000, priority: 'high' });
}

function ToastList() {
  const manager = Toast.useToastManager();
  return manager.toasts.map((toast) => (
    <Toast.Root key={toast.id} toast={toast} className="toast">
      <Toast.Content className="row">
        <div className="grow">
          <Toast.Title className="title" />
          <Toast.Description className="text" />
        </div>
        <Toast.Close render={<IconButton label="Close" size="small" />}>
          <X aria-hidden="true" />
        </Toast.Close>
      </Toast.Content>
    </Toast.Root>
  ));
}

export function Toasts({ children }: { children: ReactNode }) {
  return (
    <Toast.Provider toastManager={toasts} timeout={4_000}>
      {children}
      <Toast.Portal>
        <Toast.Viewport className="toasts">
          <ToastList />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}
