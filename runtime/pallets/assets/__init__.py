"""Assets: units of registered assets, in the layout of Substrate's `pallet_assets`."""
