import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/internal';
import { MetadataScanner, type DiscoveryService } from '@nestjs/core';
import { descriptionOf, inputsOf, type RouteDescription, type RouteInputs } from './describe';

/** One route of the application, with everything that its decorators say. */
export interface Route {
  /** Lower case, such as `post`. */
  method: string;
  /** As Nest has it, with a leading slash: `/v1/sales/:saleId/orders`. */
  path: string;
  /** `PurchaseController.place` */
  name: string;
  controller: object;
  handler: object;
  description: RouteDescription | undefined;
  inputs: RouteInputs;
}

/** Every route of every controller of the application, in the order of their registration. */
export function routesOf(discovery: DiscoveryService): Route[] {
  const scanner = new MetadataScanner();
  return discovery.getControllers().flatMap(({ metatype: controller }) => {
    if (!controller) return [];
    const prototype = controller.prototype as Record<string, object>;
    return scanner.getAllMethodNames(prototype).flatMap((name) => {
      const handler = prototype[name];
      const method = handler && Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod;
      if (method === undefined || !handler) return [];
      return {
        method: RequestMethod[method].toLowerCase(),
        path: joinPaths(pathOf(controller), pathOf(handler)),
        name: `${controller.name}.${name}`,
        controller,
        handler,
        description: descriptionOf(prototype, name),
        inputs: inputsOf(prototype, name),
      };
    });
  });
}

function pathOf(target: object): string {
  return String(Reflect.getMetadata(PATH_METADATA, target) ?? '');
}

function joinPaths(...paths: string[]): string {
  return `/${paths.flatMap((path) => path.split('/')).filter((part) => part !== '').join('/')}`;
}
