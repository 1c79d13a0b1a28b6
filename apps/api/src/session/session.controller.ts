import { Body, Controller, Delete, Get, Header, HttpCode, Post, Req } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { Login, LoginView, ProblemDetails, SessionView } from '@varve/contracts';
import { UnauthorizedError } from '@varve/core';
import { Answers, Tagged } from '../http/answers.js';
import { CurrentCaller, Needs, Public } from '../http/caller.js';
import type { Caller, CallerRequest } from '../http/caller.js';
import { tokenOf } from '../http/principal.guard.js';
import { SessionService } from './session.service.js';

@Tagged('session')
@Controller('v1/session')
export class SessionController {
  constructor(private readonly sessions: SessionService) {}

  @Get()
  @Needs('anybody')
  @Answers(200, SessionView, 'Whose token this is, and what it may')
  show(@CurrentCaller() { principal }: Caller): SessionView {
    return this.sessions.viewOf(principal);
  }

  /** What is sent here is for the identity service alone: it is neither kept nor logged. */
  @Post()
  @Public()
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @Answers(200, LoginView, 'A token')
  @ApiResponse({
    status: 429,
    description: 'Too many log-ins from this address have failed; `Retry-After` says when to come again',
    standardSchema: ProblemDetails,
  })
  create(@Req() request: CallerRequest, @Body({ schema: Login }) body: Login): Promise<LoginView> {
    // For the audit log: nobody is known yet.
    request.attempt = { action: 'session:create', target: '-' };
    return this.sessions.login(body, request.ip, { ...request.attempt, requestId: request.id });
  }

  @Delete()
  @Needs('anybody')
  @HttpCode(204)
  @ApiResponse({ status: 204, description: 'A token of Keystone no longer counts; one of the tokens file goes on' })
  async delete(@Req() request: CallerRequest, @CurrentCaller() caller: Caller): Promise<void> {
    const token = tokenOf(request);
    if (token === null) throw new UnauthorizedError();
    await this.sessions.logout(caller, token);
  }
}
