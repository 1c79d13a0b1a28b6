import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import './i18n/index.ts';
// Made by antd beforehand (see theme.ts).
import 'antd/dist/antd.css';
import './page.css';

const root = document.getElementById('root');
if (!root) throw new Error('The page has no place for the application');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
