/** One of many, or on and off: Base UI's behaviour, our looks. */
import { Checkbox as BaseCheckbox } from '@base-ui/react/checkbox';
import { Select as BaseSelect } from '@base-ui/react/select';
import { Switch as BaseSwitch } from '@base-ui/react/switch';
import { Check, ChevronsUpDown } from 'lucide-react';
import { type ReactNode, useId } from 'react';
import type { FieldIds } from './controls';

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
