import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { OpenAPIObject } from '@nestjs/swagger';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { z } from 'zod';

/**
 * The schemas that requests are parsed with, as the API's description. Ids are checked strings whose type alone differs
 * (a transform), so what goes in describes what goes out as well.
 */
function convert(schema: unknown): { schema: object; components: Record<string, object> } | undefined {
  if (!(schema instanceof z.ZodType)) return undefined;
  const json = z.toJSONSchema(schema, { io: 'input', target: 'openapi-3.0', unrepresentable: 'any' });
  // What has a `.meta({ id })` becomes a definition, and the schema itself a reference to one.
  const { definitions = {}, $schema: _, ...plain } = json;
  return { schema: plain, components: definitions as Record<string, object> };
}

export function describeApi(app: NestFastifyApplication): OpenAPIObject {
  const about = new DocumentBuilder()
    .setTitle('Varve')
    .setDescription('Live, incremental snapshots and rollback of the system disks of qemu/kvm instances')
    .setVersion('1')
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-Auth-Token' }, 'token')
    .addBearerAuth({ type: 'http', scheme: 'bearer' }, 'bearer')
    .build();
  const document = SwaggerModule.createDocument(app, about, {
    standardSchemaConverter: convert,
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}.${method}`,
  });
  SwaggerModule.setup('docs/api', app, document, {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: 'Varve: the API',
    // Else the page would have the document checked by a service elsewhere.
    swaggerOptions: { validatorUrl: null },
  });
  return document;
}
