/** Shows what is told in passing, and lets it go. */
import { Toast } from '@base-ui/react/toast';
import { X } from 'lucide-react';
import { useEffect } from 'react';
import { IconButton } from './controls';
import { take, whenTold } from './tell';

function ToastList() {
  const { toasts, add } = Toast.useToastManager();
  useEffect(() => {
    const show = () => {
      for (const news of take()) add(news.type === 'error' ? { ...news, timeout: 10_000, priority: 'high' } : news);
    };
    show();
    return whenTold(show);
  }, [add]);
  return toasts.map((toast) => (
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

export default function Toasts() {
  return (
    <Toast.Provider timeout={4_000}>
      <Toast.Portal>
        <Toast.Viewport className="toasts">
          <ToastList />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}
