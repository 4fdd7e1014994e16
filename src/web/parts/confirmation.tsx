import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

export interface ConfirmationProps {
  readonly title: string;
  /** What the button says: what is going to be done. */
  readonly action: string;
  readonly isHarmful?: boolean;
  readonly onConfirm: () => Promise<void>;
  readonly onClose: () => void;
  /** What it will change. */
  readonly children: ComponentChildren;
}

/** Shows what an action will change, before it is done. */
export function Confirmation(props: ConfirmationProps) {
  const { title, action, isHarmful = false, onConfirm, onClose, children } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const confirm = async () => {
    setBusy(true);
    try {
      await onConfirm();
      onClose();
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="confirmation">
      <h2 id="confirmation">{title}</h2>
      {children}
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      <div class="row end">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class={isHarmful ? 'harmful' : 'primary'} disabled={isBusy} onClick={confirm}>
          {action}
        </button>
      </div>
    </dialog>
  );
}
