from rasa.engine.graph import GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe


class Made(GraphComponent):
    @classmethod
    def create(cls, config, model_storage, resource, execution_context):
        return cls()


class Unregistered(Made):
    pass


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class NeedsPackage(Made):
    @staticmethod
    def required_packages():
        return ["no_such_module"]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class OnlyGerman(Made):
    @staticmethod
    def supported_languages():
        return ["de"]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class Failing(Made):
    def train(self, training_data):
        return 1 / 0
