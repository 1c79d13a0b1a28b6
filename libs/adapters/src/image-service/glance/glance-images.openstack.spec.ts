import type { ProjectId } from '@varve/core';
import { runImageServiceSuite } from '@varve/ports/testing';
import { openCloud } from '../../../../../testbed/openstack/index.ts';
import { KeystoneSession } from '../../openstack/index.js';
import { GlanceImages } from './glance-images.js';

runImageServiceSuite('glance', async () => {
  const cloud = await openCloud();
  const { authUrl, region, logins } = cloud.file;
  const { user: username, password, project } = logins.varve;
  const session = new KeystoneSession({
    url: authUrl,
    username,
    password,
    project,
    userDomain: 'Default',
    projectDomain: 'Default',
    region,
    interface: 'public',
    timeoutMs: 15_000,
  });
  return {
    images: new GlanceImages(session),
    projectId: cloud.demo.projectId as ProjectId,
    close: () => cloud.close(),
  };
});
