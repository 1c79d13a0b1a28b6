import { applyDecorators } from '@nestjs/common';
import { ApiResponse, ApiSecurity, ApiTags } from '@nestjs/swagger';
import { ProblemDetails } from '@varve/contracts';
import type { z } from 'zod';

const problem = (status: number, description: string): MethodDecorator & ClassDecorator =>
  ApiResponse({ status, description, standardSchema: ProblemDetails });

/** For the API's description: what a route answers, and the refusals that all have in common. */
export const Answers = (status: number, schema: z.ZodType, description: string) =>
  applyDecorators(
    ApiResponse({ status, standardSchema: schema, description }),
    problem(400, 'The request is not valid'),
    problem(401, 'No valid token'),
    problem(403, "The token's role does not allow it"),
    problem(404, 'There is none, or it is not yours'),
    problem(503, 'Not now; the same request may be made again'),
  );

/** And those of a write. */
export const AnswersWrite = (status: number, schema: z.ZodType, description: string) =>
  applyDecorators(
    Answers(status, schema, description),
    problem(409, 'Not in the state that things are in; `operation_running` names the operation to wait for'),
    problem(422, 'Understood, and not possible for this instance; or an Idempotency-Key used for another request'),
  );

export const Tagged = (tag: string) => applyDecorators(ApiTags(tag), ApiSecurity('token'), ApiSecurity('bearer'));
