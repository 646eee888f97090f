/** Buttons, fields and choices: Base UI's behaviour, our looks. */
import { Checkbox as BaseCheckbox } from '@base-ui/react/checkbox';
import { Select as BaseSelect } from '@base-ui/react/select';
import { Switch as BaseSwitch } from '@base-ui/react/switch';
import { Tooltip } from '@base-ui/react/tooltip';
import { Check, ChevronsUpDown, CircleAlert, Copy } from 'lucide-react';
import { type ButtonHTMLAttributes, type ReactElement, type ReactNode, useId, useState } from 'react';

type Kind = 'plain' | 'primary' | 'danger' | 'danger-primary' | 'quiet';

export function buttonClass(kind: Kind = 'plain', more = ''): string {
  return ['button', ...kind.split('-'), more].join(' ').trim();
}

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: Kind;
  size?: 'usual' | 'small';
  busy?: boolean;
}

export function Button({ kind = 'plain', size = 'usual', busy = false, className = '', disabled, children, ...rest }: ButtonProps) {
  const classes = buttonClass(kind, `${size === 'small' ? 'small' : ''} ${className}`);
  return (
    <button type="button" className={classes} disabled={disabled || busy} aria-busy={busy || undefined} {...rest}>
      {busy && <span className="spinner" aria-hidden="true" />}
      {children}
    </button>
  );
}

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
      <Tooltip.Trigger render={children} />
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

interface FieldProps {
  label: string;
  hint?: ReactNode;
  faults?: string[];
  className?: string;
  children: (ids: FieldIds) => ReactNode;
}

/** A label, what it belongs to, and what is wrong with it. */
export function Field({ label, hint, faults = [], className = '', children }: FieldProps) {
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

export interface Choice {
  value: string;
  label: string;
  hint?: string;
}

interface SelectProps {
  value: string;
  choices: Choice[];
  onChange: (value: string) => void;
  label?: string;
  ids?: FieldIds;
  disabled?: boolean;
}

export function Select({ value, choices, onChange, label, ids, disabled = false }: SelectProps) {
  return (
    <BaseSelect.Root
      items={choices}
      value={value}
      disabled={disabled}
      onValueChange={(chosen) => chosen !== null && onChange(chosen)}
      modal={false}
    >
      <BaseSelect.Trigger className="select" aria-label={label} {...ids}>
        <BaseSelect.Value />
        <ChevronsUpDown aria-hidden="true" />
      </BaseSelect.Trigger>
      <BaseSelect.Portal>
        <BaseSelect.Positioner className="positioner" sideOffset={4} alignItemWithTrigger={false}>
          <BaseSelect.Popup className="popup">
            {choices.map((choice) => (
              <BaseSelect.Item key={choice.value} value={choice.value} className="option">
                <BaseSelect.ItemText>{choice.label}</BaseSelect.ItemText>
                {choice.hint && <span className="faint small">{choice.hint}</span>}
                <BaseSelect.ItemIndicator className="tick">
                  <Check aria-hidden="true" />
                </BaseSelect.ItemIndicator>
              </BaseSelect.Item>
            ))}
          </BaseSelect.Popup>
        </BaseSelect.Positioner>
      </BaseSelect.Portal>
    </BaseSelect.Root>
  );
}

interface SwitchProps {
  label: string;
  hint?: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
}

export function Switch({ label, hint, checked, onChange, disabled = false }: SwitchProps) {
  const id = useId();
  return (
    <div className="switch-row">
      <div>
        <span className="label" id={id}>
          {label}
        </span>
        {hint && <p className="faint small">{hint}</p>}
      </div>
      <BaseSwitch.Root className="switch" aria-labelledby={id} checked={checked} onCheckedChange={onChange} disabled={disabled}>
        <BaseSwitch.Thumb />
      </BaseSwitch.Root>
    </div>
  );
}

interface CheckboxProps {
  label: ReactNode;
  hint?: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

export function Checkbox({ label, hint, checked, onChange }: CheckboxProps) {
  const id = useId();
  return (
    <div className="checkbox">
      <BaseCheckbox.Root className="box" aria-labelledby={id} checked={checked} onCheckedChange={onChange}>
        <BaseCheckbox.Indicator>
          <Check aria-hidden="true" strokeWidth={3} />
        </BaseCheckbox.Indicator>
      </BaseCheckbox.Root>
      {/* oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-static-element-interactions -- the box has the keys */}
      <div onClick={() => onChange(!checked)}>
        <span id={id}>{label}</span>
        {hint && <p className="faint small">{hint}</p>}
      </div>
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
