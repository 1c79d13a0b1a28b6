import { ApiError } from '@varve/api-client';

/** What the API answered to a request that it must not take. */
export async function refusalOf(request: Promise<unknown>): Promise<ApiError> {
  const error = await request.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof ApiError) return error;
  throw new Error('it was not refused', { cause: error });
}
