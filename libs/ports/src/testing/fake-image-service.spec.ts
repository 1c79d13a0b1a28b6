import type { ProjectId } from '@varve/core';
import { FakeImageService } from './fake-image-service.js';
import { runImageServiceSuite } from './image-service.suite.js';

runImageServiceSuite('fake', async () => ({
  images: new FakeImageService(),
  projectId: 'demo' as ProjectId,
  close: async () => {},
}));
