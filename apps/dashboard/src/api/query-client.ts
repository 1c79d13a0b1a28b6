import { QueryClient } from '@tanstack/react-query';

/** Answers stay fresh for as long as nothing is heard: the live events say what to ask for again. */
export const makeQueryClient = (): QueryClient =>
  new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        // Else what is asked while the browser thinks itself offline waits without end, and says nothing.
        networkMode: 'always',
        // The client tries again by itself, and knows after which errors that makes sense.
        retry: false,
        refetchOnWindowFocus: true,
      },
      // Nor is anything done later, when nobody expects it any more.
      mutations: { retry: false, networkMode: 'always' },
    },
  });
