/** What a page says while it waits, when it has nothing, when something went wrong, and when something was done. */
import { AlertDialog } from '@base-ui/react/alert-dialog';
import { Dialog as BaseDialog } from '@base-ui/react/dialog';
import { Toast } from '@base-ui/react/toast';
import { CircleAlert, type LucideIcon, X } from 'lucide-react';
import { type ReactElement, type ReactNode, useState } from 'react';
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

interface ConfirmProps {
  trigger: ReactElement;
  title: string;
  children: ReactNode;
  /** What the button says that does it. */
  action: string;
  onConfirm: () => Promise<unknown>;
}

/** Asks before what cannot be taken back. */
export function Confirm({ trigger, title, children, action, onConfirm }: ConfirmProps) {
  const [isOpen, setOpen] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const confirm = async () => {
    setBusy(true);
    try {
      await onConfirm();
      setOpen(false);
    } catch (error) {
      tellTrouble(`${action}: that did not work`, error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <AlertDialog.Root open={isOpen} onOpenChange={setOpen}>
      <AlertDialog.Trigger render={trigger} />
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="backdrop" />
        <AlertDialog.Popup className="dialog">
          <AlertDialog.Title>{title}</AlertDialog.Title>
          <AlertDialog.Description className="soft" render={<div />}>
            {children}
          </AlertDialog.Description>
          <div className="actions">
            <AlertDialog.Close render={<Button />}>Cancel</AlertDialog.Close>
            <Button kind="danger-primary" busy={isBusy} onClick={() => void confirm()}>
              {action}
            </Button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  description?: ReactNode;
  wide?: boolean;
  children: ReactNode;
}

export function Dialog({ open, onClose, title, description, wide = false, children }: DialogProps) {
  return (
    <BaseDialog.Root open={open} onOpenChange={(isOpen) => !isOpen && onClose()}>
      <BaseDialog.Portal>
        <BaseDialog.Backdrop className="backdrop" />
        <BaseDialog.Popup className={`dialog ${wide ? 'wide' : ''}`}>
          <div className="row">
            <BaseDialog.Title className="grow">{title}</BaseDialog.Title>
            <BaseDialog.Close render={<IconButton label="Close" size="small" />}>
              <X aria-hidden="true" />
            </BaseDialog.Close>
          </div>
          {description && <BaseDialog.Description className="soft">{description}</BaseDialog.Description>}
          {children}
        </BaseDialog.Popup>
      </BaseDialog.Portal>
    </BaseDialog.Root>
  );
}
