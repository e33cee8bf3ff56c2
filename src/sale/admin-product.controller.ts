import { Controller, Get, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CurrentUser, Roles, type Identity } from '../auth';
import { originOf } from '../infra/audit';
import {
  cursorParameter, Describe, pageOf, pageSchema, ValidBody, ValidQuery,
} from '../infra/http';
import { SaleLife } from './sale-life';
import { SaleStore } from './sale-store';
import { productView, toIso } from './sale-view';

const newProduct = z.strictObject({
  name: z.string().trim().min(1).max(200),
  description: z.string().max(4000).optional(),
  imageUrl: z.url({ protocol: /^https?$/ }).max(1000).optional(),
}).meta({ id: 'NewProduct', examples: [{ name: 'Fountain pen' }] });

const createdProduct = productView.meta({
  id: 'Product', examples: [{ id: 'product_0a1b2c3d4e5f6g7h8j9k', name: 'Fountain pen' }],
});

const productQuery = z.strictObject({ cursor: cursorParameter });
const productPage = pageSchema(productView.extend({ createdAt: z.iso.datetime() }))
  .meta({
    id: 'ProductPage',
    examples: [{
      items: [{
        id: 'product_0a1b2c3d4e5f6g7h8j9k', name: 'Fountain pen',
        createdAt: '2026-01-30T09:00:00.000Z',
      }],
      nextCursor: null,
    }],
  });

@Controller()
@Roles('admin')
export class AdminProductController {
  constructor(
    private readonly life: SaleLife,
    private readonly store: SaleStore,
  ) {}

  @Post('admin/v1/products')
  @Describe({
    summary: 'Create a product',
    tag: 'operators',
    answers: { 201: { description: 'The product.', schema: createdProduct } },
  })
  create(
    @ValidBody(newProduct) product: z.infer<typeof newProduct>,
    @CurrentUser() { userId }: Identity,
    @Req() request: FastifyRequest,
  ): Promise<z.infer<typeof createdProduct>> {
    return this.life.createProduct(product, originOf(userId, request));
  }

  @Get('admin/v1/products')
  @Describe({
    summary: 'All products, newest first',
    tag: 'operators',
    answers: { 200: { description: 'A page of products.', schema: productPage } },
  })
  async list(
    @ValidQuery(productQuery) { cursor }: z.output<typeof productQuery>,
  ): Promise<z.infer<typeof productPage>> {
    const { items, nextCursor } = pageOf(await this.store.listProducts(cursor),
      ({ createdAtMs, id }) => ({ atMs: createdAtMs, id }));
    return {
      items: items.map(({ createdAtMs, ...product }) =>
        ({ ...product, createdAt: toIso(createdAtMs) })),
      nextCursor,
    };
  }
}
