import { Controller, Get, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AboutView } from '@varve/contracts';
import type { ApiConfig } from '../config.js';
import { Answers } from '../http/answers.js';
import { Public } from '../http/caller.js';
import { CONFIG } from '../tokens.js';
import { VERSION } from '../version.js';

@ApiTags('session')
@Controller('v1/about')
export class AboutController {
  constructor(@Inject(CONFIG) private readonly config: Pick<ApiConfig, 'identity'>) {}

  @Get()
  @Public()
  @Answers(200, AboutView, 'How one logs in here; needs no token')
  show(): AboutView {
    return { version: VERSION, identity: this.config.identity.kind };
  }
}
