/** What stands before a page until it is answered. */
import { AlertDialog } from '@base-ui/react/alert-dialog';
import { Dialog as BaseDialog } from '@base-ui/react/dialog';
import { X } from 'lucide-react';
import { type ReactElement, type ReactNode, useRef, useState } from 'react';
import { Button, IconButton } from './controls';
import { tellTrouble } from './feedback';

interface ConfirmProps {
  trigger: ReactElement;
  title: string;
  children: ReactNode;
  /** What the button says that does it. */
  action: string;
  kind?: 'primary' | 'danger-primary';
  onConfirm: () => Promise<unknown>;
}

/** Asks before what cannot be taken back. */
export function Confirm({ trigger, title, children, action, kind = 'danger-primary', onConfirm }: ConfirmProps) {
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
            <Button kind={kind} busy={isBusy} onClick={() => void confirm()}>
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
  const popup = useRef<HTMLDivElement>(null);
  // What is to be filled in, rather than the way out.
  const first = () => popup.current?.querySelector<HTMLElement>('input:not([hidden]), textarea, [role=combobox]') ?? true;
  return (
    <BaseDialog.Root open={open} onOpenChange={(isOpen) => !isOpen && onClose()}>
      <BaseDialog.Portal>
        <BaseDialog.Backdrop className="backdrop" />
        <BaseDialog.Popup ref={popup} initialFocus={first} className={`dialog ${wide ? 'wide' : ''}`}>
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
