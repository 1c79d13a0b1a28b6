import { QueryClient } from '@tanstack/react-query';

/** Answers stay fresh for as long as nothing is heard: the live events say what to ask for again. */
export const makeQueryClient = (): QueryClient =>
  new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        // The client tries again by itself, and knows after which errors that makes sense.
        retry: false,
        refetchOnWindowFocus: true,
      },
      mutations: { retry: false },
    },
  });
