import { SearchOutlined } from '@ant-design/icons';
import { Input } from 'antd';
import { useDebounced } from './use-debounced.ts';

interface Props {
  readonly label: string;
  readonly value: string;
  readonly onSearch: (text: string) => void;
  readonly width?: number;
}

/** A part of a list's question that is typed. */
export function SearchInput({ label, value, onSearch, width = 260 }: Props) {
  const [text, setText] = useDebounced(value, (typed) => onSearch(typed.trim()));
  return (
    <Input
      value={text}
      onChange={(event) => setText(event.target.value)}
      prefix={<SearchOutlined aria-hidden />}
      placeholder={label}
      aria-label={label}
      maxLength={255}
      allowClear
      style={{ width, maxWidth: '100%' }}
    />
  );
}
