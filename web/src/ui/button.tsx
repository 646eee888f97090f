/** A button: by itself, for it is on the first page, and what else fields need is not. */
import type { ButtonHTMLAttributes } from 'react';

type Kind = 'plain' | 'primary' | 'danger' | 'danger-primary' | 'quiet';

export function buttonClass(kind: Kind = 'plain', more = ''): string {
  return ['button', ...kind.split('-'), more].join(' ').trim();
}

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
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
