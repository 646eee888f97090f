/** Buttons and fields: what every page has. */
import { Tooltip } from '@base-ui/react/tooltip';
import { Check, CircleAlert, Copy } from 'lucide-react';
import { type ReactElement, type ReactNode, useId, useState } from 'react';
import { Button, buttonClass, type ButtonProps } from './button';

export { Button, buttonClass };

interface IconButtonProps extends ButtonProps {
  /** Said to those who do not see it, and shown to those who wonder. */
  label: string;
}

export function IconButton({ label, kind = 'quiet', className = '', children, ...rest }: IconButtonProps) {
  return (
    <Tip text={label}>
      <Button kind={kind} className={`icon ${className}`} aria-label={label} {...rest}>
        {children}
      </Button>
    </Tip>
  );
}

export function Tip({ text, children }: { text: string; children: ReactElement }) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger delay={400} render={children} />
      <Tooltip.Portal>
        <Tooltip.Positioner className="positioner" sideOffset={6}>
          <Tooltip.Popup className="tip">{text}</Tooltip.Popup>
        </Tooltip.Positioner>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}

export function Fault({ id, children }: { id?: string; children: ReactNode }) {
  return (
    <p className="fault" id={id} role="alert">
      <CircleAlert aria-hidden="true" />
      <span>{children}</span>
    </p>
  );
}

export interface FieldIds {
  id: string;
  'aria-describedby': string | undefined;
  'aria-invalid': boolean | undefined;
}

const NONE: string[] = [];

interface FieldProps {
  label: string;
  hint?: ReactNode;
  faults?: string[];
  className?: string;
  children: (ids: FieldIds) => ReactNode;
}

/** A label, what it belongs to, and what is wrong with it. */
export function Field({ label, hint, faults = NONE, className = '', children }: FieldProps) {
  const id = useId();
  const [hintId, faultId] = [`${id}-hint`, `${id}-fault`];
  const described = [hint ? hintId : '', faults.length > 0 ? faultId : ''].filter(Boolean).join(' ');
  return (
    <div className={`field ${className}`}>
      <label className="label" htmlFor={id}>
        {label}
      </label>
      {children({ id, 'aria-describedby': described || undefined, 'aria-invalid': faults.length > 0 || undefined })}
      {faults.length > 0 && <Fault id={faultId}>{faults.join('; ')}</Fault>}
      {hint && (
        <p className="hint" id={hintId}>
          {hint}
        </p>
      )}
    </div>
  );
}

/** Something to be pasted elsewhere. */
export function Copyable({ text }: { text: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    window.setTimeout(() => setCopied(false), 1_500);
  };
  return (
    <span className="copy">
      <code>{text}</code>
      <IconButton label={isCopied ? 'Copied' : 'Copy'} size="small" onClick={() => void copy()}>
        {isCopied ? <Check aria-hidden="true" /> : <Copy aria-hidden="true" />}
      </IconButton>
    </span>
  );
}
