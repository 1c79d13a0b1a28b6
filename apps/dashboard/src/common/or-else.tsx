import { Component } from 'react';

interface Props {
  readonly fallback: React.ReactNode;
  readonly children: React.ReactNode;
}

/** What is in it fails alone: code that did not arrive, as after an upgrade, does not take the page with it. */
export class OrElse extends Component<Props, { readonly failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): React.ReactNode {
    return this.state.failed ? this.props.fallback : this.props.children;
  }
}
