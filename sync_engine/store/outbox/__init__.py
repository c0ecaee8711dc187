"""What is to be written back: `living` is kept by the fold, `sending` by the stage that delivers, `reading` is what people look at and decide."""
